internal import RDBParser
internal import RESP

// How a checkpoint holds what the floors below define.

extension HashSlot: Codable {}

extension ValueKind: Codable {
    /// Reads the number that stands for the kind in digests.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let code = try container.decode(UInt8.self)
        guard let kind = Self.all.first(where: { $0.code == code }) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(code) is no kind of value")
        }
        self = kind
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(code)
    }
}

extension ModuleType: Codable {
    package init(from decoder: any Decoder) throws {
        self.init(id: try decoder.singleValueContainer().decode(UInt64.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(id)
    }
}
