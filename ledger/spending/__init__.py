"""Where points die: outlets, catalogue, pay codes, redemption, vouchers, paper."""
