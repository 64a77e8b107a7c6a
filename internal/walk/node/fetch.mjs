// How the libraries reach the server: every exchange is kept for the tests to
// look at, and https is what a certificate is shown to.
import { appendFileSync } from 'node:fs'
import { request } from 'node:https'
import { ready } from './ready.mjs'

const part = (n) => (jwt) => jwt && JSON.parse(Buffer.from(jwt.split('.')[n], 'base64url'))
const claims = part(1)

// header is what a JWT says of itself.
export const header = part(0)

// recorder answers a fetch that shows this certificate, the list of what went
// through it, and a promise of the first exchange that is as wanted.
export function recorder(certificate) {
  const exchanges = []
  const waiting = []
  const send = async (url, init) => {
    const answer = await (url.startsWith('https:') ? certified(url, init, certificate) : fetch(url, init))
    const exchange = {
      path: new URL(url).pathname, origin: new URL(url).origin, form: new URLSearchParams(init.body ?? ''),
      dpop: init.headers?.dpop, proof: claims(init.headers?.dpop), status: answer.status, headers: answer.headers, text: await answer.clone().text(),
    }
    exchanges.push(exchange)
    for (const one of waiting) if (one.wanted(exchange)) one.resolve(exchange)
    return answer
  }
  const until = (wanted) => new Promise((resolve) => waiting.push({ wanted, resolve }))
  return { send, exchanges, until }
}

// certified is a fetch that shows a certificate, which Node's own cannot. Its
// answers pass by no proxy: they are kept where the search for leaks finds them.
const certified = (url, { method, headers, body, signal }, pair) => new Promise((resolve, reject) => {
  const sent = request(url, { method, headers, signal, ca: ready.mtls.ca, cert: pair?.certificate, key: pair?.key, agent: false }, async (answer) => {
    try {
      const text = Buffer.concat(await answer.toArray())
      if (process.env.JALI_ANSWERS) appendFileSync(process.env.JALI_ANSWERS, JSON.stringify(answer.headers) + text + '\n')
      resolve(new Response(text.length ? text : null, { status: answer.statusCode, headers: answer.headers }))
    } catch (error) {
      reject(error)
    }
  })
  sent.on('error', reject)
  sent.end(body?.toString())
})
