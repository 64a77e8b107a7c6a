// Prism's proxy before jali: node prism.mjs DOCUMENT UPSTREAM. It prints where
// it listens, passes everything on, and says in the header sl-violations what of
// a request or an answer is not what the document says.
import { createRequire } from "node:module"

const require = createRequire(import.meta.url)
const { getHttpOperationsFromSpec } = require("@stoplight/prism-http")
const { createServer } = require("@stoplight/prism-http-server")
const { createLogger } = require("@stoplight/prism-core")

// Prism follows redirects, so that nobody would ever see one.
const fetching = createRequire(require.resolve("@stoplight/prism-http"))("node-fetch")
const follow = fetching.default
fetching.default = (url, options) => follow(url, { ...options, redirect: "manual" })

const [document, upstream] = process.argv.slice(2)
const server = createServer(await getHttpOperationsFromSpec(document), {
  cors: false,
  config: {
    isProxy: true,
    upstream: new URL(upstream),
    validateRequest: true,
    validateResponse: true,
    checkSecurity: false, // it knows no scheme DPoP (RFC 9449); who is let in is jali's to check
    errors: false, // what is wrong on purpose has to reach jali
  },
  components: { logger: createLogger("prism", { level: "fatal" }) },
})
console.log(await server.listen(0, "127.0.0.1"))
