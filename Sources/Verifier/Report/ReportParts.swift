internal import RDBParser

extension VerificationReport {
    /// One side of the comparison.
    package struct Side: Hashable, Sendable, Codable {
        /// As the user wrote it, without a password; or a file's path.
        package var address: String
        /// Such as `valkey 9.1.2`; `nil` for a file.
        package var version: String?
        /// `snapshot`, `scan` or `file`.
        package var read: String
        package var replicationID: String?
        /// Of the replication stream, when reading began and ended.
        package var startOffset: Int64?
        package var endOffset: Int64?
        /// Keys that were read.
        package var keys: UInt64 = 0
        /// Of all strings of the values that were read.
        package var bytes: UInt64 = 0
        /// What our reading added to `keyspace_hits` and `keyspace_misses` of the server.
        package var causedHits: UInt64 = 0
        package var causedMisses: UInt64 = 0
        /// How long reading this side was held back by its limit; 0 without one.
        package var throttledSeconds = 0.0

        package init(address: String, read: String) {
            self.address = address
            self.read = read
        }

        enum CodingKeys: String, CodingKey {
            case address, version, read
            case replicationID = "replication_id"
            case startOffset = "start_offset"
            case endOffset = "end_offset"
            case keys, bytes
            case causedHits = "caused_hits"
            case causedMisses = "caused_misses"
            case throttledSeconds = "throttled_seconds"
        }
    }

    /// What part of the data was looked at.
    package struct Coverage: Hashable, Sendable, Codable {
        /// Whether both sides were read to their ends.
        package var isComplete = true
        /// Keys that filters left out.
        package var filtered: UInt64 = 0
        /// Keys that expire before the end of the run.
        package var expiring: UInt64 = 0
        /// Buckets whose sums differ, of 4,194,304: what the second reading looked at. 0 for a sample.
        package var differingBuckets: Int = 0
        /// Keys that the second reading compared one by one.
        package var reread: UInt64 = 0

        package init() {}

        enum CodingKeys: String, CodingKey {
            case isComplete = "is_complete"
            case filtered, expiring
            case differingBuckets = "differing_buckets"
            case reread
        }
    }

    /// What a sample says of all keys.
    package struct Sample: Hashable, Sendable, Codable {
        package struct Row: Hashable, Sendable, Codable {
            package var type: String
            package var size: String
            package var population: UInt64
            package var compared: UInt64
            package var mismatches: UInt64
            /// With the confidence of the whole, for this stratum alone.
            package var upperBound: Double

            enum CodingKeys: String, CodingKey {
                case type, size, population, compared, mismatches
                case upperBound = "upper_bound"
            }
        }

        /// Keys that the sample was drawn from.
        package var population: UInt64
        /// Keys of the sample that were decided.
        package var size: UInt64
        package var mismatches: UInt64
        /// Above 0, below 1.
        package var confidence: Double
        /// With that confidence, at most this share of all keys differs.
        package var upperBound: Double
        package var strata: [Row]

        package init(population: UInt64, size: UInt64, mismatches: UInt64, confidence: Double, strata: Strata) {
            self.population = population
            self.size = size
            self.mismatches = mismatches
            self.confidence = confidence
            upperBound = BinomialBound.upper(mismatches: mismatches, of: size, confidence: confidence)
            self.strata = strata.counts.sorted {
                ($0.key.kind.name, $0.key.size.rawValue) < ($1.key.kind.name, $1.key.size.rawValue)
            }.map { stratum, count in
                Row(
                    type: stratum.kind.name, size: stratum.size.name, population: count.population,
                    compared: count.compared, mismatches: count.mismatches,
                    upperBound: BinomialBound.upper(
                        mismatches: count.mismatches, of: count.compared, confidence: confidence))
            }
        }

        enum CodingKeys: String, CodingKey {
            case population, size, mismatches, confidence
            case upperBound = "upper_bound"
            case strata
        }
    }

    /// How a verification was gone on with that had been stopped. Times are in milliseconds since 1970, by the source's
    /// clock.
    package struct Resumption: Hashable, Sendable, Codable {
        /// When the verification first began.
        package var startedAt: Int64
        /// When both sides had been read once: what was equal then was not read again.
        package var readAt: Int64
        /// When it last went on.
        package var resumedAt: Int64
        /// How often it went on: 1 ...
        package var times: Int
        /// Of the buckets that differ, those that had been compared key by key when it last went on, 0 ... 1.
        package var share: Double

        package init(startedAt: Int64, readAt: Int64, resumedAt: Int64, times: Int, share: Double) {
            self.startedAt = startedAt
            self.readAt = readAt
            self.resumedAt = resumedAt
            self.times = times
            self.share = share
        }

        enum CodingKeys: String, CodingKey {
            case startedAt = "first_started_ms"
            case readAt = "first_read_ms"
            case resumedAt = "resumed_ms"
            case times
            case share = "share_before"
        }
    }

    /// What a repair did, between the verification that found the differences and the one that the report is of.
    package struct Repair: Hashable, Sendable, Codable {
        /// What the verification before the repair found.
        package var before: OutcomeCounts
        /// Whether only the keys that were not equal before were compared again; else all were.
        package var isOnlyOfDiffering: Bool
        /// Keys that were to be made equal.
        package var keys: UInt64 = 0
        package var copied: UInt64 = 0
        /// Of those, keys that were written without something that the target cannot hold.
        package var lossy: UInt64 = 0
        /// Extra keys that were removed, and extra keys that stay as nobody asked to remove them.
        package var deleted: UInt64 = 0
        package var keptExtra: UInt64 = 0
        /// Keys that could not be written, and keys whose value the target cannot hold.
        package var failed: UInt64 = 0
        package var unsupported: UInt64 = 0
        /// Function libraries that were copied.
        package var functions: UInt64 = 0

        package init(before: OutcomeCounts, isOnlyOfDiffering: Bool) {
            self.before = before
            self.isOnlyOfDiffering = isOnlyOfDiffering
        }

        enum CodingKeys: String, CodingKey {
            case before
            case isOnlyOfDiffering = "only_differing"
            case keys, copied, lossy, deleted
            case keptExtra = "kept_extra"
            case failed, unsupported, functions
        }
    }

    /// Outcomes of one type, or of one range of slots.
    package struct Group: Hashable, Sendable, Codable {
        /// `hash`, or `0-1023`.
        package var name: String
        package var counts: OutcomeCounts

        package init(name: String, counts: OutcomeCounts) {
            self.name = name
            self.counts = counts
        }
    }

    /// One bar of a histogram.
    package struct Bar: Hashable, Sendable, Codable {
        package var name: String
        package var source: UInt64
        package var target: UInt64

        package init(name: String, source: UInt64, target: UInt64) {
            self.name = name
            self.source = source
            self.target = target
        }
    }

    /// A key that did not match.
    package struct Example: Hashable, Sendable, Codable {
        package var outcome: KeyOutcome
        package var database: Int
        package var slot: Int
        /// 32 hexadecimal digits, under the run's seed.
        package var keyHash: String
        /// Where names are shown.
        package var keyBase64: String?
        /// Where names are shown, and this one is printable UTF-8.
        package var key: String?
        /// What `TYPE` says at the source; at the target for an extra key.
        package var type: String?
        /// In milliseconds since 1970; `nil` for none, and for a side without the key.
        package var sourceExpiry: Int64?
        package var targetExpiry: Int64?
        package var differences: [ValueDifference] = []

        package init(outcome: KeyOutcome, database: Int, slot: Int, identity: Digest128) {
            self.outcome = outcome
            self.database = database
            self.slot = slot
            keyHash = identity.description
        }

        /// What stands for the key where there is room for one word.
        package var shownKey: String { key ?? keyBase64.map { "base64:\($0)" } ?? "#\(keyHash)" }

        enum CodingKeys: String, CodingKey {
            case outcome = "class"
            case database = "db"
            case slot
            case keyHash = "key_hash"
            case keyBase64 = "key_b64"
            case key, type
            case sourceExpiry = "source_expire_ms"
            case targetExpiry = "target_expire_ms"
            case differences
        }
    }
}
