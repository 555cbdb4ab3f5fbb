"""Networks looked at before they are used: where they can be cut, and whether what is stated of them is true."""
