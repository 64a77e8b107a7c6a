package oauth

// requestModules are about signed request objects.
var requestModules = map[string]module{}
