/* dwkit
kind = "incremental"
key = ["order_date", "channel"]
watermark = "order_date"
lookback = "3d"
description = "Orders and revenue of each day and channel"
*/
SELECT order_date,
       channel,
       COUNT(DISTINCT order_id) AS orders,
       SUM(amount) AS revenue
FROM warehouse.fact_order_line
GROUP BY order_date, channel
