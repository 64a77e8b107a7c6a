// A bank that signs its answer puts it behind the # of the address, which does
// not leave the browser (OpenID Connect Core 1.0, 3.3.2.5): it is handed on as a
// query, in place of this page.
"use strict";
if (location.hash.length > 1) location.replace(location.pathname + "?" + location.hash.slice(1));
