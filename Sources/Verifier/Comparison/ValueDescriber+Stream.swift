internal import RDBParser

/// What differs in streams. What reading alone moves (consumers' seen and active time) is not looked at.
extension ValueDescriber {
    func compareStreams(_ left: StreamValue, _ right: StreamValue, _ found: inout Findings) {
        compareEntries(left.entries, right.entries, &found)
        if left.metadata.lastID != right.metadata.lastID {
            found.add("last ID", at: nil, "\(left.metadata.lastID)", "\(right.metadata.lastID)")
        }
        if let mine = left.metadata.history, let other = right.metadata.history {
            if mine.entriesAdded != other.entriesAdded {
                found.add("entries added", at: nil, "\(mine.entriesAdded)", "\(other.entriesAdded)")
            }
            if mine.greatestDeletedID != other.greatestDeletedID {
                found.add("greatest deleted ID", at: nil, "\(mine.greatestDeletedID)", "\(other.greatestDeletedID)")
            }
        }
        let hasHistory = left.metadata.history != nil && right.metadata.history != nil
        compare(left.groups, right.groups, key: \.name, &found) { group, isSource, found in
            found.add("group", at: show(group.name), isSource ? "present" : nil, isSource ? nil : "present")
        } both: { left, right, found in
            compareGroups(left, right, hasHistory: hasHistory, &found)
        }
        if let mine = left.idempotence, let other = right.idempotence, mine != other {
            found.add(
                "idempotent producers", at: nil, "\(mine.producers.count) producers",
                "\(other.producers.count) producers")
        }
    }

    private func compareEntries(
        _ left: [StreamValue.Entry], _ right: [StreamValue.Entry], _ found: inout Findings
    ) {
        if left.count != right.count {
            found.add("length", at: nil, "\(left.count) entries", "\(right.count) entries")
        }
        merge(left, right, id: \.id, &found) { entry, isSource, found in
            let fields = "\(entry.fields.count / 2) fields"
            found.add("entry", at: "\(entry.id)", isSource ? fields : nil, isSource ? nil : fields)
        } both: { left, right, found in
            guard left.fields != right.fields else { return }
            let first = zip(left.fields, right.fields).first { $0 != $1 }
            found.add(
                "entry", at: "\(left.id)", first.map { show($0.0) } ?? "\(left.fields.count / 2) fields",
                first.map { show($0.1) } ?? "\(right.fields.count / 2) fields")
        }
    }

    private func compareGroups(
        _ left: StreamValue.Group, _ right: StreamValue.Group, hasHistory: Bool, _ found: inout Findings
    ) {
        let name = show(left.name)
        if left.lastID != right.lastID { found.add("group's last ID", at: name, "\(left.lastID)", "\(right.lastID)") }
        if hasHistory, left.entriesRead != right.entriesRead {
            found.add(
                "group's entries read", at: name, left.entriesRead.map { "\($0)" } ?? "unknown",
                right.entriesRead.map { "\($0)" } ?? "unknown")
        }
        let (owners, otherOwners) = (Self.owners(left), Self.owners(right))
        merge(left.pending, right.pending, id: \.id, &found) { pending, isSource, found in
            let text = describe(pending, (isSource ? owners : otherOwners)[pending.id])
            found.add("pending entry", at: "\(name) \(pending.id)", isSource ? text : nil, isSource ? nil : text)
        } both: { left, right, found in
            let (owner, otherOwner) = (owners[left.id], otherOwners[right.id])
            guard left != right || owner != otherOwner else { return }
            found.add("pending entry", at: "\(name) \(left.id)", describe(left, owner), describe(right, otherOwner))
        }
        compare(left.consumers, right.consumers, key: \.name, &found) { consumer, isSource, found in
            found.add(
                "consumer", at: "\(name) \(show(consumer.name))", isSource ? "present" : nil,
                isSource ? nil : "present")
        } both: { _, _, _ in
        }
    }

    private func describe(_ pending: StreamValue.Pending, _ owner: [UInt8]?) -> String {
        "\(pending.deliveryCount) deliveries, last at \(pending.deliveryTime) ms, owner "
            + (owner.map { show($0) } ?? "none")
    }

    private static func owners(_ group: StreamValue.Group) -> [StreamID: [UInt8]] {
        var owners: [StreamID: [UInt8]] = [:]
        for consumer in group.consumers {
            for id in consumer.owned { owners[id] = consumer.name }
        }
        return owners
    }

    /// Compares what is ordered by ID.
    private func merge<Element>(
        _ left: [Element], _ right: [Element], id: (Element) -> StreamID, _ found: inout Findings,
        only: (Element, _ isSource: Bool, inout Findings) -> Void,
        both: (Element, Element, inout Findings) -> Void
    ) {
        var (first, second) = (0, 0)
        while first < left.count || second < right.count, !found.isFull {
            if second == right.count || (first < left.count && id(left[first]) < id(right[second])) {
                only(left[first], true, &found)
                first += 1
            } else if first == left.count || id(right[second]) < id(left[first]) {
                only(right[second], false, &found)
                second += 1
            } else {
                both(left[first], right[second], &found)
                first += 1
                second += 1
            }
        }
    }
}
