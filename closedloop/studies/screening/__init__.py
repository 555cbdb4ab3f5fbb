"""Which layer of which network is most like IT, by three criteria: appendix 6.1 and Figure 6."""
