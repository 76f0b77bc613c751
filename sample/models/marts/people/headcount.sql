/* dwkit
kind = "table"
description = "Headcount and pay by department: an independent mart from staging"
*/
SELECT department,
       COUNT(*) AS people,
       SUM(CASE WHEN left_on IS NULL THEN 1 ELSE 0 END) AS present,
       ROUND(AVG(salary), 2) AS average_salary
FROM staging.staff
GROUP BY department
ORDER BY people DESC, department
