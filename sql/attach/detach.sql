-- SPDX-License-Identifier: ISC
-- Undoes attach.sql: the triggers go with their functions. The chat's rows,
-- those that came from other servers too, stay.
DROP SCHEMA federation_attach CASCADE;
