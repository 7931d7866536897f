"""What invoices, credit notes and bank transactions share: lines, taxes, totals, numbers, statuses."""
