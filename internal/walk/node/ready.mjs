// What the sandbox told of itself when it was ready, and what it does when asked.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

export const ready = JSON.parse(readFileSync(process.env.JALI_READY, 'utf8'))

export async function getJSON(url, init) {
  const answer = await fetch(url, init)
  if (!answer.ok) throw new Error(`${new URL(url).pathname}: status ${answer.status}`)
  return answer.json()
}

async function sandbox(path, body) {
  const answer = await fetch(ready.sandbox + path, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  })
  const said = await answer.json()
  assert.equal(answer.status, 200, `the sandbox answers: ${said.code}`)
  return said
}

// decide answers a request in the browser as a person would, and where that leads.
export async function decide(url, person, decision, accounts) {
  const said = await sandbox('/consents', {
    client_id: url.searchParams.get('client_id'), request_uri: url.searchParams.get('request_uri'), person, decision, accounts,
  })
  return new URL(said.redirect_to)
}

// decideElsewhere answers a request that came to the person's own device.
export const decideElsewhere = (auth_req_id, person, decision) => sandbox('/consents', { auth_req_id, person, decision })

// introduction is the code that a person reads out from their page.
export const introduction = async (person) => (await sandbox('/introductions', { person })).code
