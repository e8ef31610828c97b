"""How files are touched: the one way in (``opened``) and the one way out (``whole``). Nothing here knows what a file means."""
