import Bytes
import Events
import Segments
import Templates

/// A condition of the expression, made ready by one worker.
final class Leaf {
  let condition: FieldCondition
  let prepared: PreparedTest
  /// Passes for whatever is there: tells the rows that have a value at all.
  let presence = PreparedTest(.present)
  /// Passes for moments.
  let isTime: PreparedTest
  let dependencies: Dependencies?
  private var plans: [ObjectIdentifier: LeafPlan] = [:]

  init(_ condition: FieldCondition) {
    self.condition = condition
    prepared = PreparedTest(condition.test)
    var moment = ValueTest()
    moment.numbers = NumberRanges.all
    isTime = PreparedTest(moment)
    if case .field(let field) = condition.subject {
      dependencies = Dependencies(field)
    } else {
      dependencies = nil
    }
  }

  var field: Field? {
    if case .field(let field) = condition.subject { field } else { nil }
  }

  /// The numbers that pass.
  var passingNumbers: [ClosedRange<Int64>] {
    let test = condition.test
    if test.isPresence { return NumberRanges.all }
    return test.isNegated ? NumberRanges.complement(test.numbers) : test.numbers
  }

  /// Where the condition's values are in blocks of that structure.
  func plan(_ structure: StructurePlan) -> LeafPlan {
    let key = ObjectIdentifier(structure)
    if let known = plans[key] { return known }
    let plan = LeafPlan(self, structure)
    plans[key] = plan
    return plan
  }

  /// Forgets the plans, before the structures that they belong to are.
  func forgetPlans() { plans.removeAll() }
}

/// Where in blocks of one structure the values of a condition's subject are.
final class LeafPlan {
  struct Root {
    var node: Int
    /// Slots that hold the value themselves; of several with a value the first counts.
    var direct: [SlotPlace] = []
    /// Where none of those has one, the value may be worked out from others.
    var isDerived = false
    /// The slots that the value can depend on, its own among them.
    var projection = Projection(columns: [], needsEntry: false)
    /// The columns of those, and all parents.
    var columns: [Int] = []
    /// The value depends on nothing but those columns.
    var isPure = false
    /// Rows that turn out to be about a connection have the value worked out, the others in `direct` alone.
    var movesToConnection = false

    /// Names the columns that the value can depend on.
    mutating func limit(to columns: Set<Int>, of slots: [SlotPlace]) {
      var wanted = [Bool](repeating: false, count: (slots.map(\.column).max() ?? -1) + 1)
      for column in columns { wanted[column] = true }
      projection.columns = wanted
      self.columns = slots.filter { wanted[$0.column] || $0.isParent }.map(\.column)
    }
  }

  let roots: [Root]

  init(_ leaf: Leaf, _ structure: StructurePlan) {
    roots = structure.roots.map { Self.root(leaf, $0.node, $0.slots, structure) }
  }

  private static func root(_ leaf: Leaf, _ node: Int, _ slots: [SlotPlace], _ structure: StructurePlan)
    -> Root
  {
    var root = Root(node: node)
    guard let field = leaf.field, let dependencies = leaf.dependencies else {
      root.direct = slots.filter { $0.meaning.field == nil && $0.meaning.name == leaf.condition.subject.name }
      root.limit(to: Set(root.direct.map(\.column)), of: slots)
      root.isPure = true
      return root
    }
    if dependencies.isEntry { return root }
    var inputs = dependencies.inputs
    if isEnvoy(node, slots, structure), let partner = Dependencies.partner(of: field),
      slots.contains(where: { $0.meaning.field == field || $0.meaning.field == partner })
    {
      root.movesToConnection = true
      inputs = Dependencies(.kind).inputs.union([partner])
    }
    let own = slots.filter { $0.meaning.field == field }
    let others = slots.filter { $0.meaning.field.map { inputs.contains($0) } ?? false }
    if !dependencies.isOverridden { root.direct = own }
    root.isDerived =
      dependencies.isUnconditional || !others.isEmpty || dependencies.isOverridden && !own.isEmpty
    root.limit(to: Set((dependencies.isWhole ? slots : own + others).map(\.column)), of: slots)
    if dependencies.isWhole { root.projection.columns = nil }
    root.projection.needsEntry = dependencies.needsEntry
    root.isPure = !dependencies.dependsOnContext
    return root
  }

  /// Whether some row of the node may be of one of Envoy's formats.
  private static func isEnvoy(_ node: Int, _ slots: [SlotPlace], _ structure: StructurePlan) -> Bool {
    Set(slots.map(\.node) + [node]).contains { node in
      structure.shape.format(node).flatMap { Product(format: $0) } == .envoy
    }
  }
}

/// An expression made ready by one worker: conditions hold what they know about structures, and stand in the
/// order in which they are best tried.
final class PreparedExpression {
  enum Form {
    case leaf(Leaf)
    case and([PreparedExpression])
    case or([PreparedExpression])
    case not(PreparedExpression)
  }

  let form: Form
  /// What trying it costs, roughly; 0 for nothing.
  let cost: Int

  init(_ expression: Expression) {
    switch expression {
    case .condition(let condition):
      form = .leaf(Leaf(condition))
      cost = Self.cost(condition)
    case .and(let parts):
      let parts = parts.map { PreparedExpression($0) }.sorted { $0.cost < $1.cost }
      form = .and(parts)
      cost = parts.first?.cost ?? 0
    case .or(let parts):
      let parts = parts.map { PreparedExpression($0) }.sorted { $0.cost < $1.cost }
      form = .or(parts)
      cost = parts.last?.cost ?? 0
    case .not(let part):
      let part = PreparedExpression(part)
      form = .not(part)
      cost = part.cost
    }
  }

  var leaves: [Leaf] {
    switch form {
    case .leaf(let leaf): [leaf]
    case .and(let parts), .or(let parts): parts.flatMap(\.leaves)
    case .not(let part): part.leaves
    }
  }

  private static func cost(_ condition: FieldCondition) -> Int {
    let test = condition.test
    var cost = 3
    if case .field(let field) = condition.subject {
      let dependencies = Dependencies(field)
      switch field {
      case .seq, .receiveTime, .sourceID: return 0
      case .raw, .rawLength: return 9
      case .time: return 2
      default: break
      }
      if dependencies.isWhole { return 8 }
      if dependencies.isEntry { return 5 }
      if dependencies.isOverridden || dependencies.isUnconditional { cost += 3 }
      if field == .urlPath || field == .urlQuery || field == .outcome { cost += 3 }
    }
    if !test.reasons.isEmpty { return cost + 3 }
    if test.isPresence || test.isNegated { return cost + 1 }
    switch test.text {
    case .none:
      return test.networks.isEmpty || test.networks.contains { $0.single == nil } ? cost - 1 : cost - 2
    case .among: return cost - 2
    case .containing: return cost
    case .matching: return cost + 2
    }
  }
}
