/* dwkit
kind = "table"
description = "Current customers by segment and country, and how many may be written to"
*/
SELECT segment,
       country,
       COUNT(*) AS customers,
       SUM(CASE WHEN marketing_opt_in THEN 1 ELSE 0 END) AS opted_in
FROM warehouse.dim_customer
WHERE is_current AND customer_key > 0
GROUP BY segment, country
ORDER BY customers DESC, segment, country
