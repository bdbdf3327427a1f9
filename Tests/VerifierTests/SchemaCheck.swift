import Foundation

/// Checks JSON against the part of JSON Schema that `docs/verify-report.schema.json` uses, and refuses a schema that
/// uses more.
struct SchemaCheck {
    private let root: [String: Any]
    private static let known: Set<String> = [
        "$schema", "$defs", "$ref", "title", "type", "required", "properties", "additionalProperties", "items", "enum",
        "minimum", "maximum", "pattern",
    ]

    init(contentsOf url: URL) throws {
        root = try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any] ?? [:]
    }

    /// What is wrong with a document; empty where nothing is.
    func violations(_ document: String) throws -> [String] {
        check(try JSONSerialization.jsonObject(with: Data(document.utf8)), root, at: "$")
    }

    private func check(_ value: Any, _ schema: [String: Any], at path: String) -> [String] {
        if let reference = schema["$ref"] as? String {
            let name = reference.dropFirst("#/$defs/".count)
            guard let target = (root["$defs"] as? [String: Any])?[String(name)] as? [String: Any] else {
                return ["\(path): nothing at \(reference)"]
            }
            return check(value, target, at: path)
        }
        var found = schema.keys.filter { !Self.known.contains($0) }.map { "\(path): \($0) is not checked" }
        if let type = schema["type"] as? String, !matches(value, type) { return found + ["\(path): not \(type)"] }
        if let allowed = schema["enum"] as? [Any],
            !allowed.contains(where: { ($0 as? NSObject) == (value as? NSObject) })
        {
            found.append("\(path): none of the allowed values")
        }
        if let number = (value as? NSNumber)?.doubleValue {
            if let minimum = schema["minimum"] as? Double, number < minimum { found.append("\(path): too low") }
            if let maximum = schema["maximum"] as? Double, number > maximum { found.append("\(path): too high") }
        }
        if let pattern = schema["pattern"] as? String, let text = value as? String,
            text.range(of: pattern, options: .regularExpression) == nil
        {
            found.append("\(path): '\(text)' is not of the form")
        }
        if let items = schema["items"] as? [String: Any] {
            for (index, item) in (value as? [Any] ?? []).enumerated() {
                found += check(item, items, at: "\(path)[\(index)]")
            }
        }
        guard let object = value as? [String: Any] else { return found }
        let properties = schema["properties"] as? [String: [String: Any]] ?? [:]
        for name in schema["required"] as? [String] ?? [] where object[name] == nil {
            found.append("\(path): \(name) is missing")
        }
        for (name, member) in object {
            if let property = properties[name] {
                found += check(member, property, at: "\(path).\(name)")
            } else if schema["additionalProperties"] as? Bool == false {
                found.append("\(path): \(name) is unknown")
            }
        }
        return found
    }

    private func matches(_ value: Any, _ type: String) -> Bool {
        switch type {
        case "object": value is [String: Any]
        case "array": value is [Any]
        case "string": value is String
        case "boolean": (value as? NSNumber).map { String(cString: $0.objCType) == "c" } ?? false
        case "integer": (value as? NSNumber).map { $0.doubleValue.rounded() == $0.doubleValue } ?? false
        case "number": value is NSNumber
        default: false
        }
    }
}
