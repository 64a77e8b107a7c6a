// All that a client of this server does, by oauth4webapi: the same steps, of
// which its user takes each, and a nonce is theirs to try again with.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import * as oauth from 'oauth4webapi'
import { named } from './keys.mjs'
import { ready } from './ready.mjs'
import { suite } from './suite.mjs'

const issuer = new URL(ready.issuer)
const insecure = { [oauth.allowInsecureRequests]: true }

// again takes a step once more if the server first wants its nonce in the proof.
const again = (step) => step().catch((error) => oauth.isDPoPNonceError(error) ? step() : Promise.reject(error))

suite('oauth4webapi', ready.people[1], async ({ said, key, send, jarm, mtls }) => {
  const options = { ...insecure, [oauth.customFetch]: send }
  const modify = { [oauth.modifyAssertion]: named(key?.alg) }
  const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...options, algorithm: 'oauth2' }))
  const about = await oauth.processDynamicClientRegistrationResponse(
    await oauth.dynamicClientRegistrationRequest(server, said, { ...options, initialAccessToken: ready.initial_access_token }))
  const client = { ...about, use_mtls_endpoint_aliases: mtls }
  const as = [server, client, key ? oauth.PrivateKeyJwt({ key: key.key, kid: key.kid }, modify) : oauth.TlsClientAuth()]
  const told = (process, send) => again(async () => process(server, client, await send()))
  return {
    about, server,
    dpop: (holder) => oauth.DPoP(client, holder.pair, { [oauth.modifyAssertion]: named(holder.alg) }),
    async push(parameters, DPoP, signer) {
      if (jarm) parameters = { ...parameters, response_mode: 'jwt' }
      if (signer) {
        parameters = { request: await oauth.issueRequestObject(server, client, parameters, { key: signer.key, kid: signer.kid }, modify) }
      }
      const pushed = await told(oauth.processPushedAuthorizationResponse,
        () => oauth.pushedAuthorizationRequest(...as, parameters, { ...options, DPoP }))
      const url = new URL(server.authorization_endpoint)
      url.search = new URLSearchParams({ client_id: client.client_id, request_uri: pushed.request_uri })
      return url
    },
    async redeem(back, { expectedState, pkceCodeVerifier }, DPoP) {
      const parameters = jarm
        ? await oauth.validateJwtAuthResponse(server, client, back, expectedState, options)
        : oauth.validateAuthResponse(server, client, back, expectedState)
      return told(oauth.processAuthorizationCodeResponse,
        () => oauth.authorizationCodeGrantRequest(...as, parameters, said.redirect_uris[0], pkceCodeVerifier, { ...options, DPoP }))
    },
    refresh: (token, DPoP) => told(oauth.processRefreshTokenResponse,
      () => oauth.refreshTokenGrantRequest(...as, token, { ...options, DPoP })),
    own: (scope, DPoP) => told(oauth.processClientCredentialsResponse,
      () => oauth.clientCredentialsGrantRequest(...as, { scope }, { ...options, DPoP })),
    async introspect(token) {
      const answer = await oauth.introspectionRequest(...as, token, options)
      const claims = await oauth.processIntrospectionResponse(server, client, answer)
      if (client.introspection_signed_response_alg) await oauth.validateApplicationLevelSignature(server, answer, options)
      return claims
    },
    revoke: async (token) => oauth.processRevocationResponse(await oauth.revocationRequest(...as, token, options)),
    ask: async (parameters) => oauth.processBackchannelAuthenticationResponse(server, client,
      await oauth.backchannelAuthenticationRequest(...as, parameters, options)),
    async poll(asked, DPoP) {
      for (;;) {
        try {
          return await told(oauth.processBackchannelAuthenticationGrantResponse,
            () => oauth.backchannelAuthenticationGrantRequest(...as, asked.auth_req_id, { ...options, DPoP }))
        } catch (error) {
          if (error.error !== 'authorization_pending') throw error
        }
        await setTimeout(asked.interval * 1000)
      }
    },
    reach: (token, method, url, DPoP, body, headers) => again(() =>
      oauth.protectedResourceRequest(token, method, new URL(url), new Headers(headers), body, { ...options, DPoP })),
  }
})

test('the API says who gives tokens for it', async () => {
  const api = new URL(ready.api)
  const about = await oauth.processResourceDiscoveryResponse(api, await oauth.resourceDiscoveryRequest(api, insecure))
  assert.deepEqual(about.authorization_servers, [ready.issuer])
  assert.equal(about.tls_client_certificate_bound_access_tokens, true)
  assert.ok(about.dpop_signing_alg_values_supported.includes('Ed25519'))
})
