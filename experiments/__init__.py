"""Floor 2: experiments that do not compare geos with geos; `geolift` and `bandits` may build on them."""
