// What every client library gets done here, and what it is refused. A library
// is told by one function, connect, which registers a client and answers its
// steps; each test registers its own. One person stands at the counter: whoever
// reads out a new code takes back the one before.
import assert from 'node:assert/strict'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { header, recorder } from './fetch.mjs'
import { certificateJWK, makeKey, thumbprint } from './keys.mjs'
import { decide, decideElsewhere, introduction, ready } from './ready.mjs'

const redirect = 'http://127.0.0.1:3000/callback'
const ciba = 'urn:openid:params:grant-type:ciba'
const manage = 'grant_management_query grant_management_revoke'
const once = { type: 'account_view', actions: ['view'], datatypes: ['balances'], purpose: 'balance_overview', uses: { limit: 1 } }
const daily = { ...once, uses: { limit: 4, per: 'day' } }

const day = (n) => new Date(Date.now() + n * 864e5).toISOString().slice(0, 10)

let turn = 0
const somebody = () => ready.people[turn++ % ready.people.length]

// refused answers how a request failed, whichever way the library tells it.
const refused = (promise) => promise.then(() => assert.fail('it was not refused'), (error) => {
  const challenge = Array.isArray(error.cause) ? error.cause[0] : undefined
  const code = error.error ?? challenge?.parameters.error
  if (!code) throw error
  return [error.status, code].filter(Boolean).join(' ')
})

export function suite(name, counter, connect) {
  // register answers a client that shows a certificate, signs with a key, or both.
  async function register({ alg = 'ES256', certificate, jarm, ...said }) {
    const { send, exchanges, until } = recorder(certificate)
    const key = said.token_endpoint_auth_method ? undefined : await makeKey(alg)
    const app = await connect({
      key, send, jarm, mtls: Boolean(certificate),
      said: { client_name: `${name} ${randomUUID()}`, redirect_uris: [redirect], ...(key && { jwks: { keys: [key.jwk] } }), ...said },
    })
    return { ...app, key, exchanges, until }
  }

  // begin pushes a request and answers all that is needed to go on.
  async function begin(app, wanted, dpop, more, signer) {
    const checks = { pkceCodeVerifier: randomBytes(32).toString('base64url'), expectedState: randomUUID() }
    const url = await app.push({
      redirect_uri: redirect, response_type: 'code', state: checks.expectedState,
      code_challenge: createHash('sha256').update(checks.pkceCodeVerifier).digest('base64url'), code_challenge_method: 'S256',
      authorization_details: JSON.stringify([wanted]), ...more,
    }, dpop, signer)
    assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request_uri'], 'the browser carries nothing else')
    return { url, checks }
  }

  // given goes from the request to the token, with a person who says yes.
  async function given(app, wanted, dpop, { person = somebody(), signer, ...more } = {}) {
    const { url, checks } = await begin(app, wanted, dpop, more, signer)
    const back = await decide(url, person.id, 'allow')
    return { back, checks, token: await app.redeem(back, checks, dpop) }
  }

  const view = (app, token, dpop, api = ready.api) => app.reach(token.access_token, 'POST', api + '/views', dpop, '{}',
    { 'content-type': 'application/json', 'idempotency-key': randomUUID() })

  describe(name, { concurrency: true }, () => {
    // First, since polling takes longest.
    it('asks a person on their own device, and polls for the yes or the no (CIBA)', async () => {
      const app = await register({ grant_types: [ciba], backchannel_token_delivery_mode: 'poll' })
      const dpop = app.dpop(await makeKey('ES256'))
      const ask = async () => app.ask({
        login_hint: await introduction(counter.id), binding_message: 'Counter 4', authorization_details: JSON.stringify([once]),
      })
      await app.own(manage, dpop) // and so has a nonce: each poll takes five seconds
      const no = await ask()
      const yes = await ask()
      await decideElsewhere(no.auth_req_id, counter.id, 'deny')
      const waits = app.until((e) => e.text.includes('authorization_pending'))
      const denied = refused(app.poll(no, dpop))
      const polled = app.poll(yes, dpop)
      await Promise.race([waits, polled])
      await decideElsewhere(yes.auth_req_id, counter.id, 'allow')
      const token = await polled
      assert.equal(token.authorization_details[0].purpose, once.purpose)
      assert.equal((await view(app, token, dpop)).status, 201)
      assert.equal(await denied, '400 access_denied')
    })

    for (const alg of ['PS256', 'ES256', 'Ed25519', 'EdDSA']) {
      it(`authenticates, proves and signs requests with ${alg}`, async () => {
        const app = await register({ alg, token_endpoint_auth_signing_alg: alg, request_object_signing_alg: alg })
        const { token } = await given(app, once, app.dpop(await makeKey(alg)), { signer: app.key })
        assert.equal(token.token_type, 'dpop')
        assert.equal((await app.introspect(token.access_token)).active, true)
        const { form, dpop } = app.exchanges.findLast((e) => e.path === '/oauth/par')
        for (const signed of [form.get('client_assertion'), form.get('request'), dpop]) assert.equal(header(signed).alg, alg)
      })
    }

    it('asks in detail, and is told in detail what was given', async () => {
      const app = await register({})
      const wanted = {
        ...once, datatypes: ['balances', 'bills'], purpose: 'bill_overview', bill_fields: 'minimal',
        period: { from: day(-31), to: day(-1) }, retention: 'PT0S',
      }
      const { token, back } = await given(app, wanted, app.dpop(await makeKey('ES256')))
      assert.equal(new URL(back).searchParams.get('iss'), ready.issuer)
      const [granted] = token.authorization_details
      for (const member of Object.keys(wanted)) assert.deepEqual(granted[member], wanted[member], member)
      assert.ok(Date.parse(granted.until) > Date.now(), 'what was left open is filled in')
      assert.deepEqual((await app.introspect(token.access_token)).authorization_details, token.authorization_details)
      for (const wrong of [{ ...once, more: 1 }, { ...once, uses: { limit: 99, per: 'day' } }, { ...once, type: 'payment' }]) {
        assert.equal(await refused(begin(app, wrong)), '400 invalid_authorization_details')
      }
    })

    it('is asked for a nonce at the pushed request, the token and the resource, and sends it', async () => {
      const app = await register({})
      const holder = await makeKey('ES256')
      const fresh = () => app.dpop(holder) // which has no nonce yet
      const { url, checks } = await begin(app, once, fresh())
      const token = await app.redeem(await decide(url, somebody().id, 'allow'), checks, fresh())
      assert.equal((await view(app, token, fresh())).status, 201)
      for (const [path, asked, done] of [['/oauth/par', 400, 201], ['/oauth/token', 400, 200], ['/v1/views', 401, 201]]) {
        const [first, second, ...more] = app.exchanges.filter((e) => e.path === path)
        assert.deepEqual([first.status, second.status, more.length], [asked, done, 0], path)
        assert.match(first.text + first.headers.get('www-authenticate'), /use_dpop_nonce/)
        assert.equal(first.proof.nonce, undefined)
        assert.ok(second.proof.nonce, path)
        assert.equal(second.proof.nonce, first.headers.get('dpop-nonce'))
      }
    })

    it('has its answer signed (JARM), a no as well', async () => {
      const app = await register({ jarm: true, authorization_signed_response_alg: 'ES256' })
      const dpop = app.dpop(await makeKey('ES256'))
      const { back } = await given(app, once, dpop)
      assert.deepEqual([...back.searchParams.keys()], ['response'])
      const { url, checks } = await begin(app, once, dpop)
      assert.equal(await refused(app.redeem(await decide(url, somebody().id, 'deny'), checks, dpop)), 'access_denied')
    })

    it('signs what it asks (JAR), and must where it is registered to', async () => {
      const app = await register({ require_signed_request_object: true })
      const dpop = app.dpop(await makeKey('ES256'))
      assert.equal(await refused(begin(app, once, dpop)), '400 invalid_request')
      const stranger = { ...await makeKey('ES256'), kid: app.key.kid }
      assert.equal(await refused(begin(app, once, dpop, {}, stranger)), '400 invalid_request_object')
      const { token } = await given(app, once, dpop, { signer: app.key })
      assert.equal(token.authorization_details[0].purpose, once.purpose)
      const sent = app.exchanges.findLast((e) => e.path === '/oauth/par').form
      assert.ok(sent.has('request') && !sent.has('authorization_details'))
    })

    it('authenticates by a certificate of an authority, which its tokens are bound to', async () => {
      const about = { token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_subject_dn: ready.mtls.subject_dn }
      await byCertificate(ready.mtls, about, selfSigned())
    })

    it('authenticates by a certificate of its own, which its tokens are bound to', async () => {
      const own = selfSigned()
      const about = { token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks: { keys: [certificateJWK(own.certificate)] } }
      await byCertificate(own, about, ready.mtls)
    })

    it('authenticates by a key, with tokens that are bound to a certificate', async () => {
      const own = selfSigned()
      await byCertificate(own, {}, ready.mtls)
    })

    // byCertificate goes all the way with one certificate, and nowhere with another.
    async function byCertificate(certificate, about, other) {
      const shown = { ...certificate } // what the connection shows from now on
      const app = await register({ certificate: shown, tls_client_certificate_bound_access_tokens: true, ...about })
      const api = ready.mtls.url + '/v1'
      const { token } = await given(app, daily)
      assert.equal(token.token_type, 'bearer')
      const bound = await app.introspect(token.access_token)
      assert.deepEqual([bound.active, bound.cnf], [true, { 'x5t#S256': thumbprint(certificate.certificate) }])
      assert.equal((await view(app, token, undefined, api)).status, 201)
      assert.equal((await app.refresh(token.refresh_token)).authorization_details.length, 1)
      for (const wrong of [other, {}]) {
        Object.assign(shown, { certificate: undefined, key: undefined }, wrong)
        assert.equal(await refused(view(app, token, undefined, api)), '401 invalid_token')
        const unbound = wrong.key ? '400 invalid_grant' : '400 invalid_request'
        assert.equal(await refused(app.refresh(token.refresh_token)), app.key ? unbound : '401 invalid_client')
        if (!app.key) assert.equal(await refused(begin(app, once)), '401 invalid_client')
      }
      assert.ok(app.exchanges.every((e) => e.origin === ready.mtls.url || !e.form.has('client_id')), 'all goes to mtls_endpoint_aliases')
    }

    it('has what a token is good for signed (RFC 9701), until it is revoked', async () => {
      const app = await register({ introspection_signed_response_alg: 'ES256' })
      const dpop = app.dpop(await makeKey('ES256'))
      const { token } = await given(app, once, dpop)
      assert.equal((await app.introspect(token.access_token)).grant_id, token.grant_id)
      await app.revoke(token.access_token)
      assert.equal((await app.introspect(token.access_token)).active, false)
      const told = app.exchanges.filter((e) => e.path === '/oauth/introspect')
      assert.ok(told.every((e) => e.headers.get('content-type') === 'application/token-introspection+jwt' && e.text.split('.').length === 3))
      assert.equal(await refused(view(app, token, dpop)), '401 invalid_token')
    })

    it('refreshes with one refresh token, by its key alone, until that is revoked', async () => {
      const app = await register({})
      const holder = await makeKey('ES256')
      const dpop = app.dpop(holder)
      const { token } = await given(app, daily, dpop)
      for (let i = 0; i < 2; i++) {
        const next = await app.refresh(token.refresh_token, dpop)
        assert.ok([undefined, token.refresh_token].includes(next.refresh_token), 'it is not rotated')
        assert.equal((await view(app, next, dpop)).status, 201)
      }
      assert.equal(await refused(app.refresh(token.refresh_token, app.dpop(await makeKey('ES256')))), '400 invalid_grant')
      await app.revoke(token.refresh_token)
      assert.equal(await refused(app.refresh(token.refresh_token, dpop)), '400 invalid_grant')
    })

    it('looks at a grant of its own, has it replaced, and gives it back', async () => {
      const app = await register({})
      const dpop = app.dpop(await makeKey('ES256'))
      const person = somebody()
      const { token } = await given(app, daily, dpop, { person, scope: manage })
      const grants = app.server.grant_management_endpoint
      const grant = async (token, id) => (await app.reach(token.access_token, 'GET', `${grants}/${id}`, dpop)).json()
      assert.deepEqual((await grant(token, token.grant_id)).authorization_details, token.authorization_details)

      const { token: later } = await given(app, { ...daily, uses: { limit: 2, per: 'day' } }, dpop,
        { person, scope: manage, grant_management_action: 'replace', grant_id: token.grant_id })
      assert.equal(later.grant_id, token.grant_id)
      const own = await app.own(manage, dpop)
      assert.deepEqual((await grant(own, token.grant_id)).authorization_details[0].uses, { limit: 2, per: 'day' })

      const stranger = await register({})
      const strange = stranger.dpop(await makeKey('ES256'))
      const theirs = await stranger.own(manage, strange)
      assert.equal((await stranger.reach(theirs.access_token, 'DELETE', `${grants}/${token.grant_id}`, strange)).status, 404)

      assert.equal((await app.reach(own.access_token, 'DELETE', `${grants}/${token.grant_id}`, dpop)).status, 204)
      assert.equal((await app.reach(own.access_token, 'GET', `${grants}/${token.grant_id}`, dpop)).status, 404)
      assert.equal(await refused(app.refresh(later.refresh_token, dpop)), '400 invalid_grant')
    })

    it('cannot send its token as a bearer\'s, nor by another key', async () => {
      const app = await register({})
      const dpop = app.dpop(await makeKey('ES256'))
      const { token } = await given(app, once, dpop)
      assert.equal(await refused(view(app, token)), '401 invalid_token')
      assert.match(app.exchanges.at(-1).headers.get('www-authenticate'), /, DPoP algs=/)
      assert.equal(await refused(view(app, token, app.dpop(await makeKey('ES256')))), '401 invalid_token')
      assert.equal((await view(app, token, dpop)).status, 201, 'nothing of this spent the grant')
    })

    it('cannot redeem a code twice: that ends what the first time gave', async () => {
      const app = await register({})
      const dpop = app.dpop(await makeKey('ES256'))
      const { back, checks, token } = await given(app, once, dpop)
      assert.equal((await app.introspect(token.access_token)).active, true)
      assert.equal(await refused(app.redeem(back, checks, dpop)), '400 invalid_grant')
      assert.equal((await app.introspect(token.access_token)).active, false)
    })
  })
}

// selfSigned is a certificate that calls itself what the authority's is called.
const selfSigned = () => JSON.parse(readFileSync(process.env.JALI_SELF_SIGNED, 'utf8'))
