// What the sandbox told of itself when it was ready.
import { readFileSync } from 'node:fs'

export const ready = JSON.parse(readFileSync(process.env.JALI_READY, 'utf8'))

export async function getJSON(url, init) {
  const answer = await fetch(url, init)
  if (!answer.ok) throw new Error(`${new URL(url).pathname}: status ${answer.status}`)
  return answer.json()
}
