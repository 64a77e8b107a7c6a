// All that a client of this server does, by openid-client.
import * as oauth from 'openid-client'
import { named } from './keys.mjs'
import { ready } from './ready.mjs'
import { suite } from './suite.mjs'

suite('openid-client', ready.people[0], async ({ said, key, send, jarm, mtls }) => {
  const modify = { [oauth.modifyAssertion]: named(key?.alg) }
  const authenticate = key ? oauth.PrivateKeyJwt({ key: key.key, kid: key.kid }, modify) : oauth.TlsClientAuth()
  const registered = await oauth.dynamicClientRegistration(new URL(ready.issuer), said, authenticate, {
    execute: [oauth.allowInsecureRequests], algorithm: 'oauth2', [oauth.customFetch]: send, initialAccessToken: ready.initial_access_token,
  })
  const about = registered.clientMetadata()
  const config = new oauth.Configuration(registered.serverMetadata(), about.client_id, { ...about, use_mtls_endpoint_aliases: mtls }, authenticate)
  config[oauth.customFetch] = send
  oauth.allowInsecureRequests(config)
  oauth.enableNonRepudiationChecks(config)
  if (jarm) oauth.useJwtResponseMode(config)
  return {
    about, server: config.serverMetadata(),
    dpop: (holder) => oauth.getDPoPHandle(config, holder.pair, { [oauth.modifyAssertion]: named(holder.alg) }),
    async push(parameters, DPoP, signer) {
      if (!signer) return oauth.buildAuthorizationUrlWithPAR(config, parameters, { DPoP })
      const signed = await oauth.buildAuthorizationUrlWithJAR(config, parameters, { key: signer.key, kid: signer.kid }, modify)
      return oauth.buildAuthorizationUrlWithPAR(config, signed.searchParams, { DPoP })
    },
    redeem: (back, checks, DPoP) => oauth.authorizationCodeGrant(config, back, checks, undefined, { DPoP }),
    refresh: (token, DPoP) => oauth.refreshTokenGrant(config, token, undefined, { DPoP }),
    own: (scope, DPoP) => oauth.clientCredentialsGrant(config, { scope }, { DPoP }),
    introspect: (token) => oauth.tokenIntrospection(config, token),
    revoke: (token) => oauth.tokenRevocation(config, token),
    ask: (parameters) => oauth.initiateBackchannelAuthentication(config, parameters),
    poll: (asked, DPoP) => oauth.pollBackchannelAuthenticationGrant(config, asked, undefined, { DPoP }),
    reach: (token, method, url, DPoP, body, headers) => oauth.fetchProtectedResource(config, token, new URL(url), method, body, new Headers(headers), { DPoP }),
  }
})
