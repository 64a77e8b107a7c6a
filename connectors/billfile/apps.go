package billfile

// apps are the tables of merchants' apps.
var apps = []form{}
