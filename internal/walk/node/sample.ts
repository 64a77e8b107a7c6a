// From the request for a grant to the last bill, by the types of the document:
//   npx openapi-typescript https://jali.example/openapi.yaml -o jali.d.ts
import createClient from 'openapi-fetch'
import type { components, paths } from './jali.js'
import { random, sha256, Signer, type Registered } from './dpop.js'

type Bill = components['schemas']['Bill']
type AccountView = components['schemas']['AccountView']

const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' }, bodySerializer: (body: object) => new URLSearchParams({ ...body }) }

/** Asks for one look. browse sends the person to a URL and answers the one at which they came back. */
export async function oneLook(client: Registered, redirect_uri: string, browse: (url: URL) => Promise<URL>) {
  const signer = await Signer.of(client)
  const jali = createClient<paths>({ baseUrl: client.issuer })
  jali.use(signer)

  const wanted: AccountView = {
    type: 'account_view', actions: ['view'], datatypes: ['balances', 'bills'], purpose: 'bill_overview', uses: { limit: 1 },
  }
  const state = random()
  const code_verifier = random()
  const pushed = await jali.POST('/oauth/par', {
    ...form,
    body: {
      response_type: 'code', redirect_uri, state, authorization_details: JSON.stringify([wanted]),
      code_challenge: await sha256(code_verifier), code_challenge_method: 'S256',
    },
  })
  if (!pushed.data) throw new Error(pushed.error.error)

  const consent = new URL('/oauth/authorize', client.issuer)
  consent.search = new URLSearchParams({ client_id: client.client_id, request_uri: pushed.data.request_uri }).toString()
  const back = (await browse(consent)).searchParams
  const code = back.get('code')
  if (back.get('state') !== state || back.get('iss') !== client.issuer || !code) throw new Error(back.get('error') ?? 'not our answer')

  const token = await jali.POST('/oauth/token', { ...form, body: { grant_type: 'authorization_code', code, redirect_uri, code_verifier } })
  if (!token.data) throw new Error(token.error.error)
  signer.token = token.data.access_token

  const opened = await jali.POST('/v1/views', { params: { header: { 'Idempotency-Key': random() } }, body: {} })
  if (!opened.data) throw new Error(opened.error.code)
  const view = opened.data

  const bills: Bill[] = view.bills.items
  for (let cursor = view.bills.next; cursor; ) {
    const page = await jali.GET('/v1/views/{id}/bills', { params: { path: { id: view.id }, query: { cursor, limit: 500 } } })
    if (!page.data) throw new Error(page.error.code)
    bills.push(...page.data.items)
    cursor = page.data.next
  }

  await jali.POST('/oauth/revoke', { ...form, body: { token: signer.token } })
  const after = await jali.GET('/v1/views/{id}', { params: { path: { id: view.id } } })
  return { view, bills, after: after.error?.code }
}
