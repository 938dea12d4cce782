insert into "products" ("name", "stock") values ('chair', 4), ('table', 1);
