/* dwkit
kind = "table"
description = "Visits, product views and checkouts of each day: an independent mart, straight from staging"
*/
SELECT CAST(time AS DATE) AS day,
       COUNT(*) AS requests,
       COUNT(DISTINCT host) AS visitors,
       SUM(CASE WHEN path LIKE '/products/%' THEN 1 ELSE 0 END) AS product_views,
       SUM(CASE WHEN path LIKE '/checkout%' THEN 1 ELSE 0 END) AS checkouts,
       SUM(CASE WHEN status >= 500 THEN 1 ELSE 0 END) AS errors
FROM staging.access
GROUP BY CAST(time AS DATE)
ORDER BY day
