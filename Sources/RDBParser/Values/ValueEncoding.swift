extension Value {
    /// Appends the value in the plain encoding of a target: 0, 1, 2, 4, 5 or 7; 22 or 24 for a hash whose fields expire;
    /// 15, 19, 21 or 26 for a stream.
    ///
    /// - Parameters:
    ///   - target: Whose encodings may be used.
    ///   - output: Takes what stands in a payload between type byte and footer, behind what it holds.
    /// - Returns: The type byte, and what the value holds that the target has no place for.
    public func encode(
        for target: TargetFormat, into output: inout [UInt8]
    ) -> (type: UInt8, losing: Conversion.Loss?) {
        switch self {
        case .string(let bytes):
            RDBWriter.appendString(bytes, to: &output)
            return (0, nil)
        case .list(let elements):
            append(elements, to: &output)
            return (1, nil)
        case .set(let members):
            append(members, to: &output)
            return (2, nil)
        case .sortedSet(let members):
            RDBWriter.appendLength(UInt64(members.count), to: &output)
            for member in members {
                RDBWriter.appendString(member.member, to: &output)
                RDBWriter.appendLittleEndian(member.score.bitPattern, to: &output)
            }
            return (5, nil)
        case .hash(let fields):
            return encode(fields, for: target, into: &output)
        case .stream(let stream):
            return stream.encode(for: target, into: &output)
        case .module(let module):
            module.encode(into: &output)
            return (7, nil)
        }
    }

    private func append(_ strings: [[UInt8]], to output: inout [UInt8]) {
        RDBWriter.appendLength(UInt64(strings.count), to: &output)
        for string in strings { RDBWriter.appendString(string, to: &output) }
    }

    private func encode(
        _ fields: [HashField], for target: TargetFormat, into output: inout [UInt8]
    ) -> (type: UInt8, losing: Conversion.Loss?) {
        let earliest = fields.compactMap(\.expiry).min()
        let type: UInt8 =
            switch (earliest, target.version.family) {
            case (nil, _): 4
            case (_, .valkey): 22
            case (_, .redis): target.version.number >= 12 ? 24 : 4
            }
        if type == 24, let earliest { RDBWriter.appendLittleEndian(earliest, to: &output) }
        RDBWriter.appendLength(UInt64(fields.count), to: &output)
        for field in fields {
            if type == 24, let earliest {
                RDBWriter.appendLength(field.expiry.map { UInt64($0 - earliest) + 1 } ?? 0, to: &output)
            }
            RDBWriter.appendString(field.field, to: &output)
            RDBWriter.appendString(field.value, to: &output)
            if type == 22 { RDBWriter.appendLittleEndian(field.expiry ?? -1, to: &output) }
        }
        return (type, type == 4 && earliest != nil ? .fieldExpiries : nil)
    }
}

extension ModuleValue {
    fileprivate func encode(into output: inout [UInt8]) {
        output.append(0x81)
        RDBWriter.appendBigEndian(type.id, to: &output)
        for field in fields {
            switch field {
            case .signed(let number):
                output.append(1)
                RDBWriter.appendLength(UInt64(bitPattern: number), to: &output)
            case .unsigned(let number):
                output.append(2)
                RDBWriter.appendLength(number, to: &output)
            case .float(let bits):
                output.append(3)
                RDBWriter.appendLittleEndian(bits, to: &output)
            case .double(let bits):
                output.append(4)
                RDBWriter.appendLittleEndian(bits, to: &output)
            case .string(let bytes):
                output.append(5)
                RDBWriter.appendString(bytes, to: &output)
            }
        }
        output.append(0)
    }
}
