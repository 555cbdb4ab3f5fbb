"""How stable is the category preference of IT sites under small image changes? Figure 2 of the paper."""
