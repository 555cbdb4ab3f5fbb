"""What the responses say: sensitivity, reliability, predictivity, spike times. numpy in, numpy out; no document."""
