"""Long loops and large sizes, run by `make soak`; the environment can make them smaller while one works on them."""
