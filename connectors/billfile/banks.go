package billfile

// banks are the tables of banks.
var banks = []form{}
