"""Analysis of responses: sensitivity, reliability, predictivity, spike times. numpy in, numpy out; no document."""
