internal import NIOConcurrencyHelpers
internal import NIOCore

/// What the readers of a run share to have their keys written.
struct WriteContext: Sendable {
    var plan: WritePlan
    let workers: [SlotWorker]
    /// `nil` in a dry run.
    let bigValues: BigValues?
    let pressure: BytePressure
    let control: RunControl
    let layout: NIOLockedValueBox<RoutingTable>
    let clock: SourceClock
    let ledger: KeyLedger?
    /// What the source is asked for at most; `nil` for no limit.
    var throttle: Throttle?

    func makeRouter() -> KeyRouter {
        KeyRouter(
            plan: plan, table: layout.withLockedValue { $0 }, workers: workers, bigValues: bigValues,
            pressure: pressure, ledger: ledger, now: clock.now)
    }

    /// What readers need whose keys go to routers.
    var readers: ReaderContext<KeyRouter> {
        var outlet: (@Sendable (any EventLoop) -> any BigValueOutlet)?
        if bigValues != nil { outlet = { loop in BigValueWrites(self, on: loop) } }
        return ReaderContext(
            bigValueBytes: plan.bigValueBytes, probesBigValues: plan.probesBigValues, pressure: pressure,
            control: control, throttle: throttle, makeTaker: { makeRouter() }, renew: { renew(&$0) },
            bigValueOutlet: outlet)
    }

    @Sendable
    private func renew(_ router: inout KeyRouter) {
        router.now = clock.now
        router.follow(layout.withLockedValue { $0 })
    }
}
