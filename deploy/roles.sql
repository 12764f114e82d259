-- The roles and the database of compose.yaml; PostgreSQL's image runs this once, in a new cluster, with psql.
\set ON_ERROR_STOP on
\set owner_password `cat /run/secrets/owner-password`
\set app_password `cat /run/secrets/app-password`
CREATE ROLE meide_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE meide_app LOGIN PASSWORD :'app_password';
CREATE DATABASE meide OWNER meide_owner ENCODING 'UTF8' TEMPLATE template0;
