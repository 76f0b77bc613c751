/* dwkit
kind = "fact"
key = ["order_id", "line_no"]
event_time = "ordered_at"
description = "Grain: one line of one order"
[dimensions]
customer_key = { table = "dim_customer", on = ["customer_id"] }
product_key = { table = "dim_product", on = ["product_id"] }
date_key = { table = "dim_date", on = ["order_date"] }
*/
SELECT l.order_id,
       l.line_no,
       o.customer_id,
       l.product_id,
       CAST(o.ordered_at AS DATE) AS order_date,
       o.ordered_at,
       o.channel,
       o.status,
       l.quantity,
       l.unit_price,
       COALESCE(l.discount_pct, 0) AS discount_pct,
       CAST(l.quantity * l.unit_price * (100 - COALESCE(l.discount_pct, 0)) / 100 AS DECIMAL(12, 2)) AS amount
FROM staging.order_lines AS l
JOIN staging.orders AS o ON o.order_id = l.order_id
