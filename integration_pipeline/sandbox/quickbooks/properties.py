"""The properties each entity has, by Intuit's schema. A request with any other is refused (2010)."""

from __future__ import annotations

_ENTITY = "Id SyncToken MetaData CustomField AttachableRef domain sparse status "
_NAME = _ENTITY + (
    "IntuitId Organization Title GivenName MiddleName FamilyName Suffix FullyQualifiedName CompanyName "
    "DisplayName PrintOnCheckName UserId Active V4IDPseudonym PrimaryPhone AlternatePhone Mobile Fax "
    "PrimaryEmailAddr WebAddr OtherContactInfo DefaultTaxCodeRef ContactName AltContactName Notes "
    "BillAddr ShipAddr OtherAddr ParentRef Balance OpenBalanceDate CreditLimit AcctNum CurrencyRef "
    "BusinessNumber GSTIN GSTRegistrationType Source "
)
_TRANSACTION = _ENTITY + (
    "DocNumber TxnDate TxnSubType DepartmentRef CurrencyRef ExchangeRate PrivateNote TxnStatus LinkedTxn "
    "Line TxnTaxDetail TxnSource TaxFormType TaxFormNum TransactionLocationType Tag TxnApprovalInfo "
    "RecurDataRef RecurringInfo ProjectRef TotalCostAmount HomeTotalCostAmount "
)
_SALE = _TRANSACTION + (
    "AutoDocNumber CustomerRef CustomerMemo BillAddr ShipAddr FreeFormAddress ShipFromAddr RemitToRef "
    "ClassRef SalesTermRef DueDate SalesRepRef PONumber FOB ShipMethodRef ShipDate TrackingNum "
    "GlobalTaxCalculation TotalAmt HomeTotalAmt ApplyTaxAfterDiscount ShippingTaxIncludedInTotalTax "
    "TemplateRef PrintStatus EmailStatus BillEmail BillEmailCc BillEmailBcc ARAccountRef Balance "
    "HomeBalance FinanceCharge PaymentMethodRef PaymentRefNum PaymentType CheckPayment CreditCardPayment "
    "DepositToAccountRef DeliveryInfo DiscountRate DiscountAmt GovtTxnRefIdentifier TaxExemptionRef "
)

_KNOWN = {
    "Customer": _NAME
    + (
        "Taxable Job BillWithParent RootCustomerRef Level CustomerTypeRef SalesTermRef SalesRepRef "
        "TaxGroupCodeRef TaxRateRef PaymentMethodRef CCDetail PriceLevelRef BalanceWithJobs "
        "OverDueBalance TotalRevenue TotalExpense PreferredDeliveryMethod ResaleNum JobInfo TDSEnabled "
        "SecondaryTaxIdentifier ARAccountRef PrimaryTaxIdentifier TaxExemptionReasonId IsProject "
        "IsCISContractor ClientCompanyId ClientEntityId TaxRegime"
    ),
    "Vendor": _NAME
    + (
        "TaxCountry TaxIdentifier TaxIdEffectiveDate VendorTypeRef TermRef PrefillAccountRef BillRate "
        "Vendor1099 T4AEligible T5018Eligible TDSEnabled TDSEntityTypeId TDSSectionTypeId "
        "TDSOverrideThreshold TaxReportingBasis APAccountRef IsSubContractor SubcontractorType CISRate "
        "HasTPAR VendorPaymentBankDetail CostRate"
    ),
    "Employee": _NAME + "PrimaryAddr EmployeeNumber SSN Gender HiredDate ReleasedDate BillableTime BillRate",
    "Item": _ENTITY
    + (
        "Name Sku Description Active SubItem ParentRef Level FullyQualifiedName Taxable SalesTaxIncluded "
        "PercentBased UnitPrice RatePercent Type PaymentMethodRef UOMSetRef IncomeAccountRef PurchaseDesc "
        "PurchaseTaxIncluded PurchaseCost ExpenseAccountRef COGSAccountRef AssetAccountRef PrefVendorRef "
        "AvgCost TrackQtyOnHand QtyOnHand QtyOnPurchaseOrder QtyOnSalesOrder ReorderPoint ManPartNum "
        "DepositToAccountRef SalesTaxCodeRef PurchaseTaxCodeRef InvStartDate BuildPoint PrintGroupedItems "
        "SpecialItem SpecialItemType ItemGroupDetail ItemAssemblyDetail AbatementRate ReverseChargeRate "
        "ServiceType ItemCategoryType TaxClassificationRef UQCDisplayText UQCId ClassRef Source "
        "DeferredRevenue"
    ),
    "Account": _ENTITY
    + (
        "Name SubAccount ParentRef Description FullyQualifiedName AccountAlias TxnLocationType Active "
        "Classification AccountType AccountSubType AccountPurposes AcctNum AcctNumExtn BankNum "
        "OpeningBalance OpeningBalanceDate CurrentBalance CurrentBalanceWithSubAccounts CurrencyRef "
        "TaxAccount TaxCodeRef OnlineBankingEnabled FIName JournalCodeRef"
    ),
    "TaxCode": _ENTITY
    + (
        "Name Description Active Hidden Taxable TaxGroup SalesTaxRateList PurchaseTaxRateList "
        "AdjustmentTaxRateList TaxCodeConfigType"
    ),
    "TaxRate": _ENTITY
    + (
        "Name Description Active RateValue AgencyRef TaxReturnLineRef EffectiveTaxRate SpecialTaxType "
        "DisplayType OriginalTaxRate"
    ),
    "Invoice": _SALE
    + (
        "Deposit AllowIPNPayment AllowOnlinePayment AllowOnlineCreditCardPayment AllowOnlineACHPayment "
        "AllowOnlinePayPalPayment EInvoiceStatus ECloudStatusTimeStamp CfdiUse Exportation GlobalInfo "
        "invoiceStatus callToAction invoiceStatusLog LessCIS InvoiceLink PaymentDetailsMessage "
        "ConvenienceFeeDetail AutoPayEligible GratuityEnabled TxnRetainageDetail"
    ),
    "CreditMemo": _SALE + "RemainingCredit InvoiceRef",
    "Payment": _TRANSACTION
    + (
        "CustomerRef RemitToRef ARAccountRef DepositToAccountRef PaymentMethodRef PaymentRefNum "
        "PaymentType CheckPayment CreditCardPayment TaxExemptionRef TotalAmt UnappliedAmt ProcessPayment"
    ),
    "JournalEntry": _TRANSACTION
    + "Adjustment HomeCurrencyAdjustment EnteredInHomeCurrency GlobalTaxCalculation TotalAmt HomeTotalAmt",
    "Deposit": _TRANSACTION + "DepositToAccountRef CashBack GlobalTaxCalculation TotalAmt HomeTotalAmt",
    "Purchase": _TRANSACTION
    + (
        "AccountRef PaymentMethodRef PaymentRefNum PaymentType CheckPayment CreditCardPayment EntityRef "
        "Credit RemitToAddr TotalAmt TxnNum Memo PrintStatus GlobalTaxCalculation"
    ),
}

KNOWN: dict[str, frozenset[str]] = {entity: frozenset(names.split()) for entity, names in _KNOWN.items()}
"""The names a request may use, by entity."""
