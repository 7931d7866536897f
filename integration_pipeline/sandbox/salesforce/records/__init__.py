"""Records: kept (`store`), checked (`values`), written under the rules of their object (`writing`)."""
