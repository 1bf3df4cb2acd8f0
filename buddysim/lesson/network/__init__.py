"""A listener under a SYN flood: cookies, queues, pages (fact sheet 14.3-14.4)."""
