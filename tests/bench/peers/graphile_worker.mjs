// graphile-worker with the batching of its page on performance; enqueued with its SQL function add_job().
import pg from 'pg'
import { Logger, run, runMigrations } from 'graphile-worker'
import { connect, main } from './program.mjs'

const logger = new Logger(() => () => {})
const pool = max => new pg.Pool({ max }).on('error', console.error).on('connect', c => c.on('error', console.error))

await main({
  pending: 'select count(*) from graphile_worker._private_jobs',
  setup: () => runMigrations({ pgPool: pool(2), preset: { worker: { logger } } }),
  fill: async jobs => {
    const client = await connect()
    await client.query(`select graphile_worker.add_jobs(array(select json_populate_record(null::graphile_worker.job_spec,
      '{"identifier": "noop", "payload": {"t": "0"}}'::json) from generate_series(1, $1::int)))`, [jobs])
  },
  work: onJob => run({
    pgPool: pool(25),
    taskList: { noop: async payload => onJob(payload.t) },
    noHandleSignals: true,
    preset: {
      worker: {
        logger, concurrentJobs: 24, maxPoolSize: 25, localQueue: { size: 500 },
        completeJobBatchDelay: 0, failJobBatchDelay: 0
      }
    }
  }),
  enqueue: (client, t) => client.query(`select graphile_worker.add_job('noop', $1::json)`, [{ t }])
})
