// A bank's developer with openid-client: PAR, authorization_details, PKCE,
// private_key_jwt and DPoP, then a view, without a browser.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import * as oauth from 'openid-client'
import { decide, ready } from './ready.mjs'

const wanted = [{
  type: 'account_view', actions: ['view'], datatypes: ['balances', 'bills'],
  purpose: 'bill_overview', bill_fields: 'standard', uses: { limit: 1 },
}]

async function connect(client) {
  const jwk = JSON.parse(JSON.stringify(client.jwks)).keys[0]
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const key = await crypto.subtle.importKey('jwk', { ...jwk, key_ops: undefined, use: undefined, alg: undefined }, algorithm, false, ['sign'])
  return oauth.discovery(new URL(ready.issuer), client.client_id, {}, oauth.PrivateKeyJwt({ key, kid: jwk.kid }), {
    execute: [oauth.allowInsecureRequests], algorithm: 'oauth2',
  })
}

// begin pushes a request and answers all that is needed to go on.
async function begin(client) {
  const config = await connect(client)
  const DPoP = oauth.getDPoPHandle(config, await oauth.randomDPoPKeyPair('ES256'))
  const pkceCodeVerifier = oauth.randomPKCECodeVerifier()
  const expectedState = oauth.randomState()
  const url = await oauth.buildAuthorizationUrlWithPAR(config, {
    redirect_uri: client.redirect_uri, response_type: 'code', state: expectedState,
    code_challenge: await oauth.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256',
    authorization_details: JSON.stringify(wanted),
  }, { DPoP })
  return { config, DPoP, url, checks: { pkceCodeVerifier, expectedState } }
}

const view = (config, token, DPoP, key = randomUUID()) => oauth.fetchProtectedResource(
  config, token, new URL(ready.api + '/views'), 'POST', '{}',
  new Headers({ 'content-type': 'application/json', 'idempotency-key': key, 'x-fapi-customer-ip-address': '192.0.2.7' }), { DPoP })

const code = async (promise) => {
  const answer = await promise.catch((error) => error.response ?? error.cause?.response ?? Promise.reject(error))
  return `${answer.status} ${(await answer.json()).code}`
}

test('a client sees what a person agreed to, once', async () => {
  const client = ready.clients[1]
  const person = ready.people[0]
  const { config, DPoP, url, checks } = await begin(client)
  const back = await decide(url, person.id, 'allow')
  assert.equal(back.searchParams.get('iss'), ready.issuer)
  const token = await oauth.authorizationCodeGrant(config, back, checks, undefined, { DPoP })
  assert.equal(token.token_type, 'dpop')
  assert.equal(token.refresh_token, undefined, 'a one-shot grant has no refresh token')
  assert.equal(token.authorization_details[0].type, 'account_view')
  assert.ok(token.expires_in <= 900)

  const opened = await view(config, token.access_token, DPoP)
  assert.equal(opened.status, 201)
  const shown = await opened.json()
  assert.equal(shown.grant_id, token.grant_id)
  assert.equal(shown.uses_left, 0)
  assert.equal(shown.accounts.length, person.accounts.length)
  assert.ok(shown.bills.items.length > 0, 'there are bills')
  assert.deepEqual(shown.sources.map((s) => s.status), shown.sources.map(() => 'fresh'))
  for (const bill of shown.bills.items) {
    assert.match(bill.amount.value, /^\d+\.\d\d$/)
    assert.ok(shown.accounts.some((a) => a.account === bill.account), 'each bill is of an account that was granted')
    assert.equal(bill.description, undefined, 'descriptions were not agreed to')
  }

  const again = await oauth.fetchProtectedResource(config, token.access_token, new URL(`${ready.api}/views/${shown.id}`), 'GET', undefined, undefined, { DPoP })
  assert.deepEqual(await again.json(), shown)
  assert.equal(await code(view(config, token.access_token, DPoP)), '403 grant_spent')

  const introspected = await oauth.tokenIntrospection(config, token.access_token)
  assert.equal(introspected.active, true)
  await oauth.tokenRevocation(config, token.access_token)
  assert.equal((await oauth.tokenIntrospection(config, token.access_token)).active, false)
  assert.equal(await code(oauth.fetchProtectedResource(config, token.access_token, new URL(`${ready.api}/views/${shown.id}`), 'GET', undefined, undefined, { DPoP })), '401 invalid_token')
})

test('a no is told as access_denied', async () => {
  const { config, DPoP, url, checks } = await begin(ready.clients[1])
  const back = await decide(url, ready.people[0].id, 'deny')
  await assert.rejects(oauth.authorizationCodeGrant(config, back, checks, undefined, { DPoP }),
    (error) => error.error === 'access_denied')
})

test('a person may tick fewer accounts', async () => {
  const person = ready.people[1]
  const ticked = person.accounts.slice(0, 1)
  const { config, DPoP, url, checks } = await begin(ready.clients[1])
  const back = await decide(url, person.id, 'allow', ticked.map((a) => a.id))
  const token = await oauth.authorizationCodeGrant(config, back, checks, undefined, { DPoP })
  const shown = await (await view(config, token.access_token, DPoP)).json()
  assert.deepEqual(shown.accounts.map((a) => a.source), ticked.map((a) => a.source))
})

test('two clients that compare notes find nothing to join on', async () => {
  const person = ready.people[2]
  const seen = []
  for (const client of ready.clients) {
    const { config, DPoP, url, checks } = await begin(client)
    const token = await oauth.authorizationCodeGrant(config, await decide(url, person.id, 'allow'), checks, undefined, { DPoP })
    const shown = await (await view(config, token.access_token, DPoP)).json()
    const introspected = await oauth.tokenIntrospection(config, token.access_token)
    seen.push(new Set([introspected.sub, shown.id, shown.grant_id, ...shown.accounts.map((a) => a.account),
      ...shown.bills.items.flatMap((b) => [b.id, b.order]).filter(Boolean)]))
  }
  assert.ok(seen[0].size > 10)
  assert.deepEqual([...seen[0]].filter((id) => seen[1].has(id)), [])
})

test('a token is of no use without its key', async () => {
  const { config, DPoP, url, checks } = await begin(ready.clients[1])
  const back = await decide(url, ready.people[0].id, 'allow')
  const token = await oauth.authorizationCodeGrant(config, back, checks, undefined, { DPoP })
  const other = oauth.getDPoPHandle(config, await oauth.randomDPoPKeyPair('ES256'))
  await assert.rejects(view(config, token.access_token, other))
  const bearer = await fetch(ready.api + '/views', { method: 'POST', body: '{}',
    headers: { authorization: `Bearer ${token.access_token}`, 'content-type': 'application/json', 'idempotency-key': randomUUID() } })
  assert.equal(bearer.status, 401)
  assert.match(bearer.headers.get('www-authenticate'), /, DPoP algs=/)
  assert.equal((await view(config, token.access_token, DPoP)).status, 201, 'nothing of this spent the grant')
})
