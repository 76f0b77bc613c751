/* The API nests category, price and dimensions; the warehouse wants columns. */
SELECT product_id,
       name,
       category.name AS category,
       price.amount AS list_price,
       cost,
       dimensions.weight_g AS weight_g,
       active,
       updated_at
FROM lake.products
