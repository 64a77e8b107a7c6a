// The wallets' own client libraries talk to the mock town: they accept its
// signatures, and it accepts theirs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AlipaySdk } from 'alipay-sdk'
import { getJSON, ready } from './ready.mjs'

const town = await getJSON(ready.sandbox + '/town')

// login sends an institution's login form, as a browser would, and answers
// the parameters of the redirect back.
async function login(url) {
  const { login, password } = town.people[0]
  const answer = await fetch(url, { method: 'POST', body: new URLSearchParams({ login, password, decision: 'agree' }), redirect: 'manual' })
  assert.equal(answer.status, 302, 'the login sends one back')
  return new URL(answer.headers.get('location')).searchParams
}

test('alipay-sdk', async () => {
  const { app_id: appId, private_key: privateKey, alipay_public_key: alipayPublicKey, gateway, authorize } = town.alipay
  const sdk = new AlipaySdk({ appId, privateKey, alipayPublicKey, gateway, keyType: 'PKCS8', signType: 'RSA2' })
  const back = await login(`${authorize}?${new URLSearchParams({ app_id: appId, scope: 'auth_user', redirect_uri: 'http://127.0.0.1/callback', state: 'abc' })}`)
  assert.equal(back.get('state'), 'abc')
  const token = await sdk.exec('alipay.system.oauth.token', { grant_type: 'authorization_code', code: back.get('auth_code') }, { validateSign: true })
  assert.ok(token.accessToken, 'the code gives a token')
  const balance = await sdk.exec('alipay.data.bill.balance.query', { auth_token: token.accessToken, bizContent: {} }, { validateSign: true })
  assert.equal(balance.code, '10000')
  assert.match(balance.availableAmount, /^\d+\.\d\d$/)
  const day = (d) => new Date(Date.now() + d * 864e5).toISOString().slice(0, 10) + ' 00:00:00'
  const log = await sdk.exec('alipay.data.bill.accountlog.query', { auth_token: token.accessToken, bizContent: { start_time: day(-30), end_time: day(0), page_no: '1', page_size: '100' } }, { validateSign: true })
  assert.equal(log.code, '10000')
  assert.ok(log.detailList.length > 0)
  const refused = await sdk.exec('alipay.data.bill.balance.query', { auth_token: 'nobody', bizContent: {} }, { validateSign: true })
  assert.notEqual(refused.code, '10000')
})
