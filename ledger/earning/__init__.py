"""Where points are born: volunteers, and later organisations, activities, records and rules."""
