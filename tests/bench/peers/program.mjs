// The command line of program.py, for a peer in Node. Connections come from the PG* variables.
import pg from 'pg'

const SETTLE_MS = 3000
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

export const connect = async () => {
  const client = new pg.Client()
  await client.connect()
  return client
}

const counter = jobs => {
  let done, count = 0
  const all = new Promise(resolve => { done = resolve })
  return { all, add: () => { if (++count >= jobs) done() } }
}

const commands = {
  setup: peer => peer.setup(),
  fill: (peer, jobs) => peer.fill(jobs),
  async drain(peer, jobs) {
    const { all, add } = counter(jobs)
    const side = await connect()
    const began = performance.now()
    await peer.work(add)
    await all
    // handled, but the last of them are still being settled
    while (Number((await side.query(peer.pending)).rows[0].count)) await sleep(5)
    return { seconds: (performance.now() - began) / 1000 }
  },
  async listen(peer, jobs) {
    const { all, add } = counter(jobs)
    const seen = []
    await peer.work(t => {
      seen.push(Number(process.hrtime.bigint() - BigInt(t)) / 1e6) // CLOCK_MONOTONIC, as time.monotonic_ns()
      add()
    })
    await sleep(SETTLE_MS)
    console.log('READY')
    await all
    return seen
  },
  async emit(peer, jobs) {
    const client = await connect()
    for (let i = 0; i < jobs; i++) {
      await sleep(50 + Math.random() * 100)
      const began = process.hrtime.bigint()
      await client.query('begin')
      await peer.enqueue(client, String(began))
      await client.query('commit')
    }
  }
}

export async function main(peer) {
  const [command, ...numbers] = process.argv.slice(2)
  const answer = await commands[command](peer, ...numbers.map(Number))
  process.stdout.write(JSON.stringify(answer ?? null) + '\n', () => process.exit(0))
}
