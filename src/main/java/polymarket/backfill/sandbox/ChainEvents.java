package polymarket.backfill.sandbox;

import java.util.ArrayList;
import java.util.List;

/** The events that the sandbox's contracts emit. */
final class ChainEvents {
  /** All of them, for tests against other encoders. */
  static final List<ChainEvent> ALL = new ArrayList<>();

  private ChainEvents() {}

  private static ChainEvent event(String declaration) {
    ChainEvent event = new ChainEvent(declaration);
    ALL.add(event);
    return event;
  }

  // ---- ERC-1155 and ERC-20
  static final ChainEvent SINGLE =
      event(
          "TransferSingle(address indexed operator, address indexed from, address indexed to,"
              + " uint256 id, uint256 value)");
  static final ChainEvent BATCH =
      event(
          "TransferBatch(address indexed operator, address indexed from, address indexed to,"
              + " uint256[] ids, uint256[] values)");
  static final ChainEvent ERC20 =
      event("Transfer(address indexed from, address indexed to, uint256 value)");
  static final ChainEvent WRAPPED =
      event(
          "Wrapped(address indexed caller, address indexed asset, address indexed to, uint256"
              + " amount)");
  static final ChainEvent UNWRAPPED =
      event(
          "Unwrapped(address indexed caller, address indexed asset, address indexed to, uint256"
              + " amount)");

  // ---- conditional tokens
  static final ChainEvent PREPARATION =
      event(
          "ConditionPreparation(bytes32 indexed conditionId, address indexed oracle, bytes32"
              + " indexed questionId, uint256 outcomeSlotCount)");
  static final ChainEvent RESOLUTION =
      event(
          "ConditionResolution(bytes32 indexed conditionId, address indexed oracle, bytes32 indexed"
              + " questionId, uint256 outcomeSlotCount, uint256[] payoutNumerators)");
  static final ChainEvent SPLIT =
      event(
          "PositionSplit(address indexed stakeholder, address collateralToken, bytes32 indexed"
              + " parentCollectionId, bytes32 indexed conditionId, uint256[] partition, uint256"
              + " amount)");
  static final ChainEvent MERGE =
      event(
          "PositionsMerge(address indexed stakeholder, address collateralToken, bytes32 indexed"
              + " parentCollectionId, bytes32 indexed conditionId, uint256[] partition, uint256"
              + " amount)");
  static final ChainEvent REDEMPTION =
      event(
          "PayoutRedemption(address indexed redeemer, address indexed collateralToken, bytes32"
              + " indexed parentCollectionId, bytes32 conditionId, uint256[] indexSets, uint256"
              + " payout)");

  // ---- neg-risk adapter
  static final ChainEvent ADAPTER_SPLIT =
      event(
          "PositionSplit(address indexed stakeholder, bytes32 indexed conditionId, uint256"
              + " amount)");
  static final ChainEvent ADAPTER_MERGE =
      event(
          "PositionsMerge(address indexed stakeholder, bytes32 indexed conditionId, uint256"
              + " amount)");
  static final ChainEvent CONVERTED =
      event(
          "PositionsConverted(address indexed stakeholder, bytes32 indexed marketId, uint256"
              + " indexed indexSet, uint256 amount)");
  static final ChainEvent ADAPTER_REDEMPTION =
      event(
          "PayoutRedemption(address indexed redeemer, bytes32 indexed conditionId, uint256[]"
              + " amounts, uint256 payout)");
  static final ChainEvent MARKET_PREPARED =
      event(
          "MarketPrepared(bytes32 indexed marketId, address indexed oracle, uint256 feeBips, bytes"
              + " data)");
  static final ChainEvent QUESTION_PREPARED =
      event(
          "QuestionPrepared(bytes32 indexed marketId, bytes32 indexed questionId, uint256 index,"
              + " bytes data)");
  static final ChainEvent OUTCOME_REPORTED =
      event("OutcomeReported(bytes32 indexed marketId, bytes32 indexed questionId, bool outcome)");

  // ---- auto redeemers
  static final ChainEvent BINARY_REDEMPTION =
      event(
          "BinaryRedemption(address indexed beneficiary, bytes32 indexed conditionId, uint256"
              + " payout)");
  static final ChainEvent NEG_RISK_REDEMPTION =
      event(
          "NegRiskRedemption(address indexed beneficiary, bytes32 indexed conditionId, uint256"
              + " payout)");

  // ---- exchanges
  static final ChainEvent FILLED_V1 =
      event(
          "OrderFilled(bytes32 indexed orderHash, address indexed maker, address indexed taker,"
              + " uint256 makerAssetId, uint256 takerAssetId, uint256 makerAmountFilled, uint256"
              + " takerAmountFilled, uint256 fee)");
  static final ChainEvent MATCHED_V1 =
      event(
          "OrdersMatched(bytes32 indexed takerOrderHash, address indexed takerOrderMaker, uint256"
              + " makerAssetId, uint256 takerAssetId, uint256 makerAmountFilled, uint256"
              + " takerAmountFilled)");
  static final ChainEvent FEE_V1 =
      event("FeeCharged(address indexed receiver, uint256 tokenId, uint256 amount)");
  static final ChainEvent TOKEN_REGISTERED =
      event(
          "TokenRegistered(uint256 indexed token0, uint256 indexed token1, bytes32 indexed"
              + " conditionId)");
  static final ChainEvent FEE_REFUNDED =
      event(
          "FeeRefunded(bytes32 indexed orderHash, address indexed to, uint256 id, uint256 refund,"
              + " uint256 indexed feeCharged)");
  static final ChainEvent FILLED_V2 =
      event(
          "OrderFilled(bytes32 indexed orderHash, address indexed maker, address indexed taker,"
              + " uint8 side, uint256 tokenId, uint256 makerAmountFilled, uint256"
              + " takerAmountFilled, uint256 fee, bytes32 builder, bytes32 metadata)");
  static final ChainEvent MATCHED_V2 =
      event(
          "OrdersMatched(bytes32 indexed takerOrderHash, address indexed takerOrderMaker, uint8"
              + " side, uint256 tokenId, uint256 makerAmountFilled, uint256 takerAmountFilled)");
  static final ChainEvent FEE_V2 = event("FeeCharged(address indexed receiver, uint256 amount)");

  // ---- market makers of the factory
  static final ChainEvent POOL_CREATED =
      event(
          "FixedProductMarketMakerCreation(address indexed creator, address fpmm, address indexed"
              + " conditionalTokens, address indexed collateralToken, bytes32[] conditionIds,"
              + " uint256 fee)");
  static final ChainEvent POOL_BUY =
      event(
          "FPMMBuy(address indexed buyer, uint256 investmentAmount, uint256 feeAmount, uint256"
              + " indexed outcomeIndex, uint256 outcomeTokensBought)");
  static final ChainEvent POOL_SELL =
      event(
          "FPMMSell(address indexed seller, uint256 returnAmount, uint256 feeAmount, uint256"
              + " indexed outcomeIndex, uint256 outcomeTokensSold)");
  static final ChainEvent POOL_FUNDED =
      event(
          "FPMMFundingAdded(address indexed funder, uint256[] amountsAdded, uint256"
              + " sharesMinted)");
  static final ChainEvent POOL_UNFUNDED =
      event(
          "FPMMFundingRemoved(address indexed funder, uint256[] amountsRemoved, uint256"
              + " collateralRemovedFromFeePool, uint256 sharesBurnt)");

  // ---- modules of the protocol's second version
  static final ChainEvent MODULE_SPLIT =
      event(
          "PositionsSplit(address indexed initiator, bytes31 indexed conditionId, address indexed"
              + " recipient0, address recipient1, uint256 amount)");
  static final ChainEvent MODULE_MERGE =
      event(
          "PositionsMerged(address indexed initiator, bytes31 indexed conditionId, address indexed"
              + " recipient, uint256 amount)");
  static final ChainEvent MODULE_REDEMPTION =
      event(
          "PositionRedeemed(address indexed initiator, uint256 indexed positionId, address indexed"
              + " recipient, uint256 amount, uint256 payout)");
  static final ChainEvent MODULE_RESOLVED =
      event("ConditionResolved(bytes31 indexed conditionId, uint256[] result)");
  static final ChainEvent MODULE_REPORTED =
      event(
          "ResultReported(address indexed resolver, bytes31 indexed conditionId, uint256[]"
              + " result)");
  static final ChainEvent MODULE_REST_IS_NO =
      event("RemainingConditionsDerivableAsNo(bytes29 indexed eventId)");
}
