"""Facts about Linux, as tables: no behaviour."""
