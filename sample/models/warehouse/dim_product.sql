/* dwkit
kind = "dimension"
key = ["product_id"]
scd = 2
updated_at = "updated_at"
description = "Products with their list price over time"
*/
SELECT product_id, name, category, list_price, cost, weight_g, active, updated_at
FROM staging.products
