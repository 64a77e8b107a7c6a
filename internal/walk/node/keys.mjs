// Keys of clients, by the names of the algorithms that they sign with.
import { randomUUID, X509Certificate } from 'node:crypto'

const kinds = {
  PS256: { name: 'RSA-PSS', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  Ed25519: { name: 'Ed25519' }, // RFC 9864
  EdDSA: { name: 'Ed25519' }, // RFC 8037: the same, by its older name
}

export async function makeKey(alg) {
  const pair = await crypto.subtle.generateKey(kinds[alg], false, ['sign', 'verify'])
  const { kty, crv, x, y, n, e } = await crypto.subtle.exportKey('jwk', pair.publicKey)
  const kid = randomUUID()
  return { alg, kid, pair, key: pair.privateKey, jwk: { kty, crv, x, y, n, e, kid, alg, use: 'sig' } }
}

// named has a library call an algorithm by the older name where that is meant.
export const named = (alg) => (header) => { if (alg === 'EdDSA') header.alg = alg }

// certificateJWK is a certificate's key with the certificate beside it (RFC 8705, section 2.2.2).
export function certificateJWK(pem) {
  const certificate = new X509Certificate(pem)
  return { ...certificate.publicKey.export({ format: 'jwk' }), kid: randomUUID(), x5c: [certificate.raw.toString('base64')] }
}

// thumbprint is what tokens are bound to (RFC 8705, section 3.1).
export const thumbprint = (pem) => Buffer.from(new X509Certificate(pem).fingerprint256.replaceAll(':', ''), 'hex').toString('base64url')
