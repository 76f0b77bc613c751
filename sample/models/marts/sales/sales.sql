/* dwkit
kind = "table"
tags = ["daily"]
description = "Revenue by month, category and customer segment: what the sales team opens"
[columns.revenue]
tests = ["not_null"]
*/
SELECT d.year_month AS month,
       p.category,
       c.segment,
       COUNT(DISTINCT f.order_id) AS orders,
       SUM(f.quantity) AS units,
       SUM(f.amount) AS revenue,
       CAST(SUM(f.amount) / COUNT(DISTINCT f.order_id) AS DECIMAL(12, 2)) AS revenue_per_order
FROM warehouse.fact_order_line AS f
JOIN warehouse.dim_date AS d ON d.date_key = f.date_key
JOIN warehouse.dim_product AS p ON p.product_key = f.product_key
JOIN warehouse.dim_customer AS c ON c.customer_key = f.customer_key
WHERE f.status <> 'cancelled'
GROUP BY d.year_month, p.category, c.segment
ORDER BY month, revenue DESC
