"""The REST service: one radiograph in, a screening out; nothing is kept."""
