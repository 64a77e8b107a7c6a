// What a client of Jali signs, as a middleware of openapi-fetch: who it is
// (private_key_jwt, RFC 7523) and that it holds its key (DPoP, RFC 9449), with
// the nonce that the server asks for.

const base64url = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
const utf8 = (text: string) => new TextEncoder().encode(text)

export const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)))
export const sha256 = async (text: string) => base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', utf8(text))))

/** A registered client with its private key, a JWK for ES256. */
export interface Registered { issuer: string; client_id: string; jwk: JsonWebKey & { kid?: string } }

/** A middleware that signs the requests of one client, for the access token that is set on it. */
export class Signer {
  token?: string
  #nonce: string | undefined
  #unsigned = new Map<string, Request>()

  private constructor(readonly client: Registered, readonly key: CryptoKey) {}

  static async of(client: Registered) {
    return new Signer(client, await crypto.subtle.importKey('jwk', client.jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']))
  }

  async onRequest({ request, id }: { request: Request; id: string }) {
    this.#unsigned.set(id, request.clone())
    return this.#sign(request)
  }

  async onResponse({ response, id }: { response: Response; id: string }) {
    const again = this.#unsigned.get(id)
    this.#unsigned.delete(id)
    this.#nonce = response.headers.get('dpop-nonce') ?? this.#nonce
    const stale = !response.ok && (await response.clone().text()).includes('"use_dpop_nonce"')
    return stale && again ? fetch(await this.#sign(again)) : response
  }

  async #sign(request: Request) {
    const headers = new Headers(request.headers)
    const { kty, crv, x, y } = this.client.jwk
    const proof = { jti: random(), htm: request.method, htu: request.url.split('?')[0], iat: now(), nonce: this.#nonce }
    const form = headers.get('content-type') === 'application/x-www-form-urlencoded'
    const ath = form || !this.token ? {} : { ath: await sha256(this.token) }
    headers.set('dpop', await this.#jws({ typ: 'dpop+jwt', jwk: { kty, crv, x, y } }, { ...proof, ...ath }))
    if (!form) {
      if (this.token) headers.set('authorization', `DPoP ${this.token}`)
      return new Request(request, { headers })
    }
    const { client_id, issuer } = this.client
    const body = new URLSearchParams(await request.text())
    body.set('client_id', client_id)
    body.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
    body.set('client_assertion', await this.#jws({ typ: 'JWT' }, { iss: client_id, sub: client_id, aud: issuer, jti: random(), iat: now(), exp: now() + 60 }))
    return new Request(request.url, { method: request.method, headers, body })
  }

  async #jws(header: object, claims: object) {
    const input = [{ alg: 'ES256', kid: this.client.jwk.kid, ...header }, claims].map((part) => base64url(utf8(JSON.stringify(part)))).join('.')
    const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, this.key, utf8(input))
    return `${input}.${base64url(new Uint8Array(signature))}`
  }
}

const now = () => Math.floor(Date.now() / 1000)
