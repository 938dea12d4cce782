create table "products" ("id" serial primary key, "name" text not null unique, "stock" integer not null check ("stock" >= 0));
--> statement-breakpoint
create table "orders" ("id" serial primary key, "product" integer not null references "products", "amount" integer not null);
