/* dwkit
kind = "view"
description = "Products by revenue, newest names"
*/
SELECT p.product_id,
       MAX(CASE WHEN p.is_current THEN p.name END) AS product,
       SUM(f.quantity) AS units,
       SUM(f.amount) AS revenue
FROM warehouse.fact_order_line AS f
JOIN warehouse.dim_product AS p ON p.product_key = f.product_key
GROUP BY p.product_id
ORDER BY revenue DESC
